"""The ladder: a transformer built up part by part, on the paper's sequences or one's own; its claims and its report."""
