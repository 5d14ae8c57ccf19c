"""What would make a run faster or smaller than its suite asks for.

Contract: each piece of advice gives the figure that it comes from, and changes nothing.
"""
