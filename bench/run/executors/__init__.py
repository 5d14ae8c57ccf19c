"""What runs jobs: this machine, Ray, Slurm, a user's command. Each submits, watches, cancels and fetches logs.

Contract: what is known of a job is in its folder, so that any executor goes on with what another began; a result from
elsewhere counts only where its files have the hashes that its node stated. No request holds a secret.
"""
