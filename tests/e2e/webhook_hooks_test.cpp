// Hooks of organisations, rotation and floods, with real hosts and a real agent.
