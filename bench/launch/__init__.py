"""The processes of one training, on this machine or on several, under torch's elastic agent.

Contract: the first end that was not a success is the job's failure, with its own reason; nobody outlives the job's
child; nothing listens on another address than the head's, which is loopback on one machine.
"""
