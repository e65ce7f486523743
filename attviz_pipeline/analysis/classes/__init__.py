"""Which heads and terms differ between classes, and between correctly classified and misclassified documents."""
