"""A Slack-compatible workspace on loopback: Web API, Socket Mode, a client API for people, and a page.

What lives here speaks Slack's documented wire and nothing else. No code of the bot may be imported here, and the bot imports none of
this: the two are separate programs that happen to be shipped together.
"""
