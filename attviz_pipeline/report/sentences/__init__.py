"""What the pages say: each sentence is made by one function of the numbers that it states."""
