"""Images: what their files hold, how networks see them, what is known of them without one."""
