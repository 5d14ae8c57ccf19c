"""What estimates allow to conclude: verdicts of claims, ranks, frontiers, the arm to take, after how many looks.

Contract: pure; nothing is concluded that an interval at the stated level does not show.
"""
