"""The lead's view of a project: tasks, people, counts, verdicts and ordered propagations."""
