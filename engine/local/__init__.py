"""What single patches of pictures and single words of texts say to each other."""
