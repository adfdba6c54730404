"""How networks are found: genome, operators, engine. Never imports `fitness`."""
