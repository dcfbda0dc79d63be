"""What every layer agrees on: table contracts, profiles, manifests, errors. Imports nothing of ours."""
