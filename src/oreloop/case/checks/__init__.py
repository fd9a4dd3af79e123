"""What a case is checked for once its cells are read: ids, sense, recipes, reachability."""
