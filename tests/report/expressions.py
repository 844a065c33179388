def work(rows):
    total = naïve(rows) + naïve(rows) + quick("日本")
    return total + sum(
        len(row) for row in rows)
