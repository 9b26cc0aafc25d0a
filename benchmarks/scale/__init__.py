"""How cost, memory and quality grow with rows and columns, on tables whose law is known."""
