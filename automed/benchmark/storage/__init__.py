"""How a history lies in its SQLite file: tables and triggers, rows and their seals, answers as blobs, salvage."""
