"""Review: which frame to correct next, correction tasks, audits."""
