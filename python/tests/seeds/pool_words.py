import sys
from collections import Counter
from multiprocessing import Pool


def count(path):
    with open(path, encoding="utf-8") as file:
        return Counter(file.read().split())


if __name__ == "__main__":
    total = Counter()
    pool = Pool(processes=2)
    results = [pool.apply_async(count, (path,), callback=total.update) for path in sys.argv[1:]]
    pool.close()
    pool.join()
    assert all(result.successful() for result in results)
    for word, number in sorted(total.items()):
        print(word, number)
