"""Label Studio's ML protocol: predict, interactive prompts, annotations, tracking clients."""
