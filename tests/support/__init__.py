"""What several tests share, and programs that tests start as processes of their own."""
