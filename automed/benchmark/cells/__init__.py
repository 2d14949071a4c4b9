"""One cell: a process with limits, ours or a rival's, what it is handed, and the scores of what it answered."""
