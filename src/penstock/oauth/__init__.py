"""How a person gives consent: OAuth 2 as a client, without input or output.

Steps that ask the authorization server are generators: they yield requests and are sent answers.
"""
