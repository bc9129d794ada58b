"""Package the function and deploy it with ROS. Never deployed itself."""
