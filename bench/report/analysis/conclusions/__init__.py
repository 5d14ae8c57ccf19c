"""What a run decides: claims and their sentences, the arm to take, the next seed to train, the answer in short."""
