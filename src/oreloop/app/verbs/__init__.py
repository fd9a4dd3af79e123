"""One module for each verb: what the job hands to its room, and what it keeps of the answer.

Rooms on one floor do not know each other; here their values meet. Everything is a function of the case and `at`.
"""
