"""What a program is, how good it is, how alike two are, and how one is read out of a reply."""
