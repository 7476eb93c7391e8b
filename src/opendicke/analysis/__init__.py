"""What an ensemble says, from its dataset alone."""
