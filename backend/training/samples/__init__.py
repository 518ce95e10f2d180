"""What a training learns from: labelled videos and drawn clips in its folder, their variants, and batches of them."""
