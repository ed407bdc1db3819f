"""What people can say to Shipbell: the grammar, the registry, the help, and one file a command."""
