"""What comes in from outside may be anything at all: targets, and two engines that feed them."""
