"""Generated inputs for `./scripts/bench inputs`: what people bring, browsers show and Masklet reads."""
