"""Pictures through the same core as tables: data, tasks, judge, scores."""
