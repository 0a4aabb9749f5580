"""From a reply to the program in it."""
