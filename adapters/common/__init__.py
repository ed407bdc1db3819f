"""What several adapters share and what belongs to no one system. It imports only bot.ports and bot.domain."""
