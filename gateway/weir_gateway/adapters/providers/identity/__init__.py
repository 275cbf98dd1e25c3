"""The identities that clouds know the gateway by: access tokens and signatures."""
