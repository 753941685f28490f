"""What every room uses: errors and checks of arguments, files and documents, memory."""
