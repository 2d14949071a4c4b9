"""What was found about groups of patients: audit.json, mitigation.json and the fair choice, read and drawn."""
