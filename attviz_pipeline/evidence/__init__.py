"""Whether attention matters to the prediction: gradients, tokens left out, heads switched off."""
