"""The search for a plan: what each format of each layer costs the result and the board, and which choice is best."""
