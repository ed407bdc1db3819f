"""The chat side: listeners that only translate, the people port, the outbox's sender, and views.

The only home of slack_bolt and slack_sdk. Nothing here decides what somebody may do or what becomes of an Operation.
"""
