"""The model facts label at the top of a report: may it be used, on whom, and what will it miss?"""
