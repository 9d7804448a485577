"""How bytes reach the endpoint: transports behind one port, opened by the name a spec gives them."""
