"""An annotator's prompts: recording them, answering them, propagating from them."""
