"""Where documents stay: what a store keeps of one, what it promises, a store in memory, and the exam of every store."""
