"""Builds, Instances and traffic on this machine: an agent that parents real processes, and a proxy that really drains.

agent.py is the agent's process, proxy.py the proxy's; client.py is how the bot speaks with the agent, adapter.py the ports."""
