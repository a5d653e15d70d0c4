"""Goals of training: data, recipe, evaluation and prompts of each."""
