"""The pages in another language: the finished English page, translated message by message from one catalogue file."""
