"""Where the route table comes from (file or stream), how it is decoded, and the one in force."""
