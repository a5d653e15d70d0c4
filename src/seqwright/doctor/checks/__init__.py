"""What is checked, one promise or a few that belong together in each file."""
