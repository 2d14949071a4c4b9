"""What a careful reader would want to know before anything is trained."""
