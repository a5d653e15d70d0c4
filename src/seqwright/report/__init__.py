"""One way to write an offline page with charts: results go in, one HTML file comes out."""
