"""Where answers are kept: in this process (`memory`), and behind it where gateways share them."""
