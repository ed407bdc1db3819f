"""Code in git repositories, read with git's own command line."""
